"""Long runs that try to make the buffer lose, double or invent something: `make torture`."""

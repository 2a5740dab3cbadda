"""What tracker, marketplace and verifier agree on: messages, canonical bytes and the device's chain."""

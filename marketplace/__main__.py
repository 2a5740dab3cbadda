"""The command line `daybook-marketplace`."""

import sys

from marketplace.commands import main

if __name__ == "__main__":
    sys.exit(main())

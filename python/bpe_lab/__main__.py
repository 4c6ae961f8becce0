"""`python -m bpe_lab`."""

import sys

from bpe_lab.cli import main

sys.exit(main())

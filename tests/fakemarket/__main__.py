"""`python -m tests.fakemarket`: see rehearse.py."""

import sys

from tests.fakemarket.rehearse import main
from utils.run import run

sys.exit(run(main))

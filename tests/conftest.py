"""What holds for all tests: one thread a library; brokers, workers and tests share two cores."""

import os
import signal

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM"):
    os.environ.setdefault(variable, "false" if variable == "TOKENIZERS_PARALLELISM" else "1")

# A job started in the background has Ctrl-C ignored, and so would have every command that a test
# starts and then interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

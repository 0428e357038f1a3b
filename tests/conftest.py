"""What holds for all tests: one thread a library; brokers, workers and tests share two cores."""

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM"):
    os.environ.setdefault(variable, "false" if variable == "TOKENIZERS_PARALLELISM" else "1")

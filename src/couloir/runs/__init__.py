"""Run folders: what one command computed, whole or absent; their records, and the ledger of test parts."""

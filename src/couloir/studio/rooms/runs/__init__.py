"""The room of runs: `listing` is the table, `results` what runs came to, `examples` are rows to ask with."""

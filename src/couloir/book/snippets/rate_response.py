"""The validation loss of each rule at each learning rate it tried."""

# Goes on from figure 19.
figures.race_rates(raced)

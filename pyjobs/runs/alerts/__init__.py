"""A verdict reaches a person: on a change of state, once, by whatever secret/alerts.yaml names."""

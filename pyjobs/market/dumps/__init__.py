"""Price files that a person brings: what their rows are, what is cleaned, and how a desk's are imported."""

"""The labelled corpus, how the guardrails do on it, and what they learn from it. Labelling rules: README.md."""

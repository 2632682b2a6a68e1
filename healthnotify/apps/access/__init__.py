"""Who may come in, and what they may do: operators, API keys, scopes, kept answers, the audit trail."""

"""The pages of audits and profiles."""

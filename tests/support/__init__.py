"""What several test folders share: a live server to talk to, and the rule for missing tools."""

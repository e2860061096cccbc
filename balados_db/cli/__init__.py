"""Talk. One file a command; what they share is in options, session, pipeline and confirmation."""

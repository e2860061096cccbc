"""What tests of a project with a manifest need: a server, a migrated database for each test, events in one line."""

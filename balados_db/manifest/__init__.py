"""The manifest: found, read, checked, resolved into what it means."""

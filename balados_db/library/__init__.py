"""The commands' verbs for programs: look, plan, execute. Nothing is printed, nobody is asked, no signal is caught.

A `Database` says where; it holds no connection, so any number of threads may share one, and each call connects for
itself. Every function raises `BaladosDbError`, whose subclasses have a stable `code`, an `exit_status`, `facts` and a
`hint`. Times are seconds, sizes bytes, positions the event store's own numbers.
"""

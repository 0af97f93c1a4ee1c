"""The way out: local first, a frontier provider by exception, and nothing where a condition is not known to hold.

decide (:mod:`.case`) -> reserve (:mod:`.ledger`, on the disk before a byte is sent) -> send, pass on (:mod:`.trip`) ->
settle. :func:`.opening.opened` puts it together; a gateway whose settings name no provider has none of it.
"""

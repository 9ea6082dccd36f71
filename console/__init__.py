"""The console: the commands' answers and actions in a browser, for the shop's owner."""

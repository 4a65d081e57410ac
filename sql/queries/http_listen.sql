-- From here on the connection hears of each company whose tasks changed, and of each change of who may see what.
LISTEN taskbridge_company

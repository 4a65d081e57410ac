-- Every company whose document changed: the payload is its key.
LISTEN taskbridge_company

-- What is not as the last step left it.
SELECT kind, name, how, fate FROM taskbridge_drift

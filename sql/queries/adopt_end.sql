-- Lets go of the product's table, which the product may want to drop.
DISCARD TEMP

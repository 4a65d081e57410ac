-- After a batch's rows were written: what its tasks inherit ($1), and who inherits anew because of what it says of roots
-- ($2), of members whose root it does not say ($3), and of what lies between ($4, their roots).
SELECT tracker_inherit($1::text[], $2::text[], $3::text[], $4::text[])

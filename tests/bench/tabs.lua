-- wrk: each of the connections is a tab that polls ten times a second.
function delay()
   return 100
end

-- Requests for a run, as maintenance_request.sql makes them: the payload is the job.
LISTEN taskbridge_maintenance

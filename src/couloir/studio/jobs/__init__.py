"""Work that takes longer than an answer may: training, races, searches, landscapes, looking at a table.

A room hands a `request.JobRequest` to its page's `page_jobs.PageJobs`, which starts a `job.Job`: a process of
its own, from `processes`, that runs `worker`. The worker tells of the run as it goes on (`telling`), and what
it would take before (`planning`); `looking` reads tables.
"""

"""The scheduler: what is due by the calendar is done once, in order, by whoever holds the lease.

It drafts what moves money; people approve. A row of ``job_runs`` per job and period is the truth, the timer only wakes us.
"""

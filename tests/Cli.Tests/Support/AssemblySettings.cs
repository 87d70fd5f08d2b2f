// The tests set environment variables of the process: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

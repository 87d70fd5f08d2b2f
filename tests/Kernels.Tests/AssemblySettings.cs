// Choosing an instruction set changes it for the process: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

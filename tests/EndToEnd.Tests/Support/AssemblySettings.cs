// One model is trained for all tests, and its server is stopped when they end: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

// libtorch and ONNX Runtime each bring threads of their own: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

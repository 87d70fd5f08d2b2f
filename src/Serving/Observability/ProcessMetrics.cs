using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>The memory of this process for Prometheus: all of it, and what the managed heap has of it.</summary>
internal sealed class ProcessMetrics
{
    private readonly Gauge.Child _resident;
    private readonly Gauge.Child _heap;
    private readonly Gauge.Child _committed;

    /// <param name="registry">Where the metrics are collected.</param>
    public ProcessMetrics(CollectorRegistry registry)
    {
        var metrics = Metrics.WithCustomRegistry(registry);
        _resident = metrics.CreateGauge("process_resident_memory_bytes", "Resident memory size in bytes.").WithLabels();
        _heap = metrics.CreateGauge("onnxmoe_managed_heap_bytes", "Managed memory, as the last garbage collection left it.").WithLabels();
        _committed = metrics.CreateGauge("onnxmoe_managed_committed_bytes", "Memory that the garbage collector had from the system at its last collection.").WithLabels();
    }

    /// <summary>Takes the numbers of now.</summary>
    public void Collect()
    {
        var memory = GC.GetGCMemoryInfo(GCKind.Any);
        _resident.Set(Environment.WorkingSet);
        _heap.Set(memory.HeapSizeBytes);
        _committed.Set(memory.TotalCommittedBytes);
    }
}

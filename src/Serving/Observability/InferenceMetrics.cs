using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>Tensor requests, for Prometheus: Triton's names and meanings with the prefix onnxmoe_ instead of nv_, and seconds instead of microseconds.</summary>
internal sealed class InferenceMetrics
{
    private readonly Counter.Child _succeeded;
    private readonly Counter.Child _failed;
    private readonly Counter.Child _rows;
    private readonly Counter.Child _runs;
    private readonly Counter.Child _request;
    private readonly Counter.Child _queue;
    private readonly Counter.Child _input;
    private readonly Counter.Child _infer;
    private readonly Counter.Child _output;

    /// <param name="registry">Where the metrics are collected.</param>
    /// <param name="model">Value of the label model.</param>
    /// <param name="version">Value of the label version.</param>
    public InferenceMetrics(CollectorRegistry registry, string model, string version)
    {
        var metrics = Metrics.WithCustomRegistry(registry);
        _succeeded = Of("request_success_total", "Tensor requests answered.");
        _failed = Of("request_failure_total", "Tensor requests that ended with an error.");
        _rows = Of("count_total", "Rows (elements of the batch) computed.");
        _runs = Of("exec_count_total", "Runs of the model.");
        _request = Of("request_duration_seconds_total", "Seconds of the requests answered, from the body's arrival to the answer.");
        _queue = Of("queue_duration_seconds_total", "Seconds of that in the queue.");
        _input = Of("compute_input_duration_seconds_total", "Seconds of that in reading the tensors.");
        _infer = Of("compute_infer_duration_seconds_total", "Seconds of that in the model.");
        _output = Of("compute_output_duration_seconds_total", "Seconds of that in writing the tensors.");

        Counter.Child Of(string name, string help) => metrics.CreateCounter($"onnxmoe_inference_{name}", help, "model", "version").WithLabels(model, version);
    }

    /// <summary>Notes a request answered; the timestamps are those of <see cref="TimeProvider.System"/>.</summary>
    public void Succeeded(long rows, long arrived, long started, long read, long computed)
    {
        var now = TimeProvider.System.GetTimestamp();
        _succeeded.Inc();
        _rows.Inc(rows);
        _runs.Inc();
        _request.Inc(Seconds(arrived, now));
        _queue.Inc(Seconds(arrived, started));
        _input.Inc(Seconds(started, read));
        _infer.Inc(Seconds(read, computed));
        _output.Inc(Seconds(computed, now));
    }

    /// <summary>Notes a request that ended with an error.</summary>
    public void Failed() => _failed.Inc();

    private static double Seconds(long from, long to) => TimeProvider.System.GetElapsedTime(from, to).TotalSeconds;
}

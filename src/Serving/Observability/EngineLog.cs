using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Observability;

/// <summary>Log lines of the engine. They never hold prompts or output.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Error, "A step of request {Id} failed")]
    public static partial void StepFailed(ILogger log, Exception problem, long id);

    [LoggerMessage(2, LogLevel.Information, "{Model} serves each sequence by runs of its own, without pages, because {Reason}")]
    public static partial void NotPaged(ILogger log, string model, string reason);

    [LoggerMessage(3, LogLevel.Error, "Device {Number} ({Device}) of {Model} is not used any more, and the others take its experts over: {Failure}")]
    public static partial void DeviceFailed(ILogger log, string model, int number, string device, string failure);

    [LoggerMessage(4, LogLevel.Information, "Device {Number} ({Device}) of {Model} is used again")]
    public static partial void DeviceRestarted(ILogger log, string model, int number, string device);
}

using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Observability;

/// <summary>Log lines of the engine. They never hold prompts or output.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Error, "A step of request {Id} failed")]
    public static partial void StepFailed(ILogger log, Exception problem, long id);
}

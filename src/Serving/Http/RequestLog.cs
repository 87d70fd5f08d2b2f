using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Http;

/// <summary>Log lines about requests.</summary>
internal static partial class RequestLog
{
    /// <summary>The one line that every request gets, see <see cref="RequestRecord"/>.</summary>
    public static readonly EventId Answered = new(10, "request");

    [LoggerMessage(13, LogLevel.Error, "{Id} failed")]
    public static partial void Failed(ILogger log, Exception problem, string id);
}

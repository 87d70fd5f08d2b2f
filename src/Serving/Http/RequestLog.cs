using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Http;

/// <summary>Log lines about requests. They never hold prompts or output.</summary>
internal static partial class RequestLog
{
    [LoggerMessage(10, LogLevel.Information, "{Id} {Method} {Path} {Status} in {Milliseconds:F0} ms")]
    public static partial void Answered(ILogger log, string id, string method, string path, int status, double milliseconds);

    [LoggerMessage(11, LogLevel.Information, "{Id} {Sequences} sequences, {PromptTokens} prompt tokens, {CompletionTokens} generated")]
    public static partial void Generated(ILogger log, string id, int sequences, int promptTokens, int completionTokens);

    [LoggerMessage(12, LogLevel.Information, "{Id} the client left ({Reason})")]
    public static partial void Left(ILogger log, string id, string reason);

    [LoggerMessage(13, LogLevel.Error, "{Id} failed")]
    public static partial void Failed(ILogger log, Exception problem, string id);
}

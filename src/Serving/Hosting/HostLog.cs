using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Hosting;

/// <summary>Log lines about the server itself.</summary>
internal static partial class HostLog
{
    [LoggerMessage(20, LogLevel.Information, "Changed and read again: {Files}")]
    public static partial void FilesRead(ILogger log, string files);

    [LoggerMessage(21, LogLevel.Error, "Changed, but what they held before stays in use: {Files}: {Problem}")]
    public static partial void FilesNotRead(ILogger log, string files, string problem);

    [LoggerMessage(22, LogLevel.Information, "Reloaded {Model}: version {Version} answers new requests")]
    public static partial void Reloaded(ILogger log, string model, int version);

    [LoggerMessage(23, LogLevel.Error, "The model was not reloaded, the old version goes on: {Problem}")]
    public static partial void NotReloaded(ILogger log, string problem);

    [LoggerMessage(24, LogLevel.Information, "Version {Version} of {Model} has answered its last request and is gone")]
    public static partial void Retired(ILogger log, string model, int version);
}

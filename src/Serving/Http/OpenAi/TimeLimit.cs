using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Reads how long a client waits for its answer: the field <c>timeout</c>, else the header <c>X-Request-Timeout</c>, at most what the server allows.</summary>
internal static class TimeLimit
{
    public const string Header = "X-Request-Timeout";

    private const string Field = "timeout";
    private const double Least = 0.001, Most = 1e6;

    /// <summary>The time from now; null when there is no limit.</summary>
    /// <param name="request">For its header.</param>
    /// <param name="fields">Its body.</param>
    /// <param name="serverSeconds">Seconds that the server allows; 0: any.</param>
    public static TimeSpan? Read(HttpRequest request, JsonFields fields, double serverSeconds)
    {
        var seconds = Math.Min(fields.Number(Field, Least, Most) ?? FromHeader(request) ?? double.MaxValue, serverSeconds > 0 ? serverSeconds : double.MaxValue);
        return seconds <= Most ? TimeSpan.FromSeconds(seconds) : null;
    }

    private static double? FromHeader(HttpRequest request) => request.Headers[Header] is not { Count: > 0 } text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is >= Least and <= Most ? seconds
        : throw ApiError.BadRequest(string.Create(CultureInfo.InvariantCulture, $"The header {Header} must be a number of seconds between {Least} and {Most}, not '{text}'."), Header);
}

namespace OnnxMoe.Serving.Http;

/// <summary>An answer that tells the client what is wrong, in OpenAI's shape.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="message">One sentence: what is wrong and what would be right.</param>
/// <param name="field">The request field at fault, if one is.</param>
/// <param name="code">A word for programs, for example <c>context_length_exceeded</c>.</param>
internal sealed class ApiError(int status, string message, string? field = null, string? code = null) : Exception(message)
{
    public int Status { get; } = status;

    public string? Field { get; } = field;

    public string? Code { get; } = code;

    /// <summary>Seconds after which the same request may do better; null where the header is not sent.</summary>
    public int? RetryAfter { get; init; } = status is 429 or 503 ? 1 : null;

    /// <summary>A mistake in the request.</summary>
    public static ApiError BadRequest(string message, string? field = null, string? code = null) => new(400, message, field, code);

    /// <summary>OpenAI's name for the kind of error.</summary>
    public static string TypeOf(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        503 => "service_unavailable_error",
        504 => "timeout_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };
}

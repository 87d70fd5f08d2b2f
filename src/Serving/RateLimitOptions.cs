using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Serving;

/// <summary>What one client (one key, or without keys one address) may ask for: section <c>Serve:RateLimit</c>.</summary>
public sealed class RateLimitOptions
{
    [Setting("Requests that a client may make in a minute, so many at once at most; 0: any number", Unit = "requests", Min = 0, Max = 1000000)]
    public int RequestsPerMinute { get; set; }

    [Setting("Tokens, of prompts and asked for, that a client may use in a minute; 0: any number", Unit = "tokens", Min = 0, Max = 1000000000)]
    public int TokensPerMinute { get; set; }
}

using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using OnnxMoe.Serving.Observability;

namespace OnnxMoe.Serving.Http;

/// <summary>What each client may ask for in a minute: requests, and tokens. A limit refills evenly, and is a full minute's worth at first.</summary>
internal sealed class RateLimits : IDisposable
{
    private readonly RateLimitOptions _options;
    private readonly PartitionedRateLimiter<HttpContext> _requests;
    private readonly PartitionedRateLimiter<string> _tokens;

    public RateLimits(RateLimitOptions options)
    {
        _options = options;
        _requests = PartitionedRateLimiter.Create<HttpContext, string>(context =>
            options.RequestsPerMinute == 0 || !EndpointMarks.IsForClients(context) ? RateLimitPartition.GetNoLimiter("") : Bucket(Key(context), options.RequestsPerMinute));
        _tokens = PartitionedRateLimiter.Create<string, string>(client =>
            options.TokensPerMinute == 0 ? RateLimitPartition.GetNoLimiter("") : Bucket(client, options.TokensPerMinute));
    }

    /// <summary>Counts requests before their endpoints run.</summary>
    public void Use(WebApplication app) => app.UseRateLimiter(new RateLimiterOptions
    {
        GlobalLimiter = _requests,
        OnRejected = (rejected, _) => throw Exceeded($"This client may make {_options.RequestsPerMinute} requests a minute (Serve:RateLimit:RequestsPerMinute)", rejected.Lease),
    });

    /// <summary>Counts the tokens that a request may use.</summary>
    /// <exception cref="ApiError">The client's minute has not so many left (429), or never could (400).</exception>
    public void Charge(HttpContext context, int tokens)
    {
        if (_options.TokensPerMinute == 0)
            return;
        if (tokens > _options.TokensPerMinute)
            throw ApiError.BadRequest($"The request may use {tokens} tokens with its answer, but a client has {_options.TokensPerMinute} a minute (Serve:RateLimit:TokensPerMinute); ask for fewer.", "max_tokens", "rate_limit_exceeded");
        using var lease = _tokens.AttemptAcquire(Key(context), tokens);
        if (!lease.IsAcquired)
            throw Exceeded($"This client may use {_options.TokensPerMinute} tokens a minute (Serve:RateLimit:TokensPerMinute), and this request may need {tokens}", lease);
    }

    public void Dispose()
    {
        _requests.Dispose();
        _tokens.Dispose();
    }

    /// <summary>The key's holder or the address: what a client says of itself would let it have as many limits as it likes.</summary>
    private static string Key(HttpContext context) => RequestRecord.Of(context) is { HasKey: true } record ? $"key {record.Client}" : $"address {context.Connection.RemoteIpAddress}";

    private static RateLimitPartition<string> Bucket(string key, int perMinute) => RateLimitPartition.GetTokenBucketLimiter(key, _ =>
    {
        var portion = Math.Max(1, perMinute / 60);
        return new() { TokenLimit = perMinute, TokensPerPeriod = portion, ReplenishmentPeriod = TimeSpan.FromMinutes((double)portion / perMinute), QueueLimit = 0 };
    });

    private static ApiError Exceeded(string what, RateLimitLease lease)
    {
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after.TotalSeconds : 0;
        var seconds = LoadEstimate.WholeSeconds(wait);
        return new(429, $"{what}; try again in {seconds} s.", code: "rate_limit_exceeded") { RetryAfter = seconds };
    }
}

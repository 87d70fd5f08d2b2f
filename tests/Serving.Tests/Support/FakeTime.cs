namespace OnnxMoe.Serving.Tests.Support;

/// <summary>A clock that stands still until it is moved.</summary>
internal sealed class FakeTime : TimeProvider
{
    private long _ticks = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public void Move(double seconds) => _ticks += TimeSpan.FromSeconds(seconds).Ticks;
}

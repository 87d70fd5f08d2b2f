namespace OnnxMoe.Serving.Sessions;

/// <summary>Where a sequence's caches are: a device, from its start to its failure.</summary>
/// <param name="Device">Number of the device.</param>
/// <param name="Incarnation">How often it had been started anew; what was on it before that is lost.</param>
public readonly record struct Home(int Device, int Incarnation);

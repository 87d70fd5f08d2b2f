namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>Brings work to the devices that hold experts, and back what they made of it.</summary>
internal interface IExpertExchange
{
    /// <summary>Whether all of these devices can be used.</summary>
    bool Reaches(IReadOnlyList<int> devices);

    /// <summary>Lets each device's experts of a layer work, side by side.</summary>
    /// <param name="call">Where the experts are applied.</param>
    /// <param name="experts">Which there are.</param>
    /// <param name="work">For each device what it is to do.</param>
    /// <param name="traffic">Is told who works how long.</param>
    /// <returns>For each device the weighted sums [tokens, D]; null when one has failed.</returns>
    float[][]? Apply(ExpertCall call, PlacedExperts experts, IReadOnlyList<ExpertWork> work, TrafficCounter traffic);
}

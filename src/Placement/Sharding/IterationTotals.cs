namespace OnnxMoe.Placement.Sharding;

/// <summary>One iteration of a simulated training, all layers together.</summary>
/// <param name="Straggler">Most tokens of a device over the mean of all, mean over the layers.</param>
/// <param name="Seconds">Its time; optimizer steps and embeddings, which no policy changes, are not in it.</param>
/// <param name="Attention">Seconds of what is not experts.</param>
/// <param name="Experts">Seconds of the experts on the slowest device of each layer.</param>
/// <param name="AllToAll">Seconds of sending tokens.</param>
/// <param name="Exposed">Seconds of sparse collectives that nothing hides.</param>
/// <param name="Moving">Seconds in which experts change their owners.</param>
/// <param name="CollectiveSeconds">Seconds of the sparse collectives, hidden or not.</param>
/// <param name="CollectiveBytes">Weights and gradients from device to device.</param>
/// <param name="TokenBytes">Tokens from device to device.</param>
/// <param name="MovedBytes">Weights and optimizer states that changed their owner.</param>
/// <param name="Copies">Copies beside the owners.</param>
public sealed record IterationTotals(double Straggler, double Seconds, double Attention, double Experts, double AllToAll, double Exposed, double Moving,
    double CollectiveSeconds, double CollectiveBytes, double TokenBytes, double MovedBytes, int Copies);

namespace OnnxMoe.Trainer.Darts;

/// <summary>An edge that was decided.</summary>
/// <param name="Edge">Which one, by the node where it ends, then by the node where it begins.</param>
/// <param name="Op">The candidate that it keeps.</param>
/// <param name="Scores">Of each candidate: its architecture weight after the softmax, or what was measured without it.</param>
/// <param name="TunedEpochs">Epochs of tuning before, all in all.</param>
public sealed record Decision(int Edge, int Op, IReadOnlyList<double> Scores, int TunedEpochs);

using System.Text.Json.Nodes;

namespace OnnxMoe.Trainer.Training;

/// <summary>A measurement in the course of training, on data that is not trained on.</summary>
/// <param name="Loss">Nats; the best weights are those of the lowest.</param>
/// <param name="Entry">Its line in metrics.jsonl, without the step.</param>
/// <param name="More">What else to say of it, beginning with a comma; may be empty.</param>
internal sealed record Validation(double Loss, JsonObject Entry, string More = "");

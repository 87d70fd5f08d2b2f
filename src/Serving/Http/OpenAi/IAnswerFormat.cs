using System.Text.Json.Nodes;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>How a route words its answers; completions and chat differ in this alone.</summary>
internal interface IAnswerFormat
{
    /// <summary>What ids begin with.</summary>
    string IdPrefix { get; }

    /// <summary>Value of the field <c>object</c>.</summary>
    string ObjectName(bool stream);

    /// <summary>The choices that a stream sends for one event; several where the protocol wants them apart.</summary>
    /// <param name="choice">Number of the choice.</param>
    /// <param name="first">The choice's first event.</param>
    /// <param name="next">The event.</param>
    IEnumerable<JsonObject> Pieces(int choice, bool first, GenerationEvent next);

    /// <summary>A whole choice.</summary>
    /// <param name="choice">Number of the choice.</param>
    /// <param name="all">Its events, joined.</param>
    JsonObject Whole(int choice, GenerationEvent all);
}

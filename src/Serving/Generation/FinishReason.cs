namespace OnnxMoe.Serving.Generation;

/// <summary>Why a sequence ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended the text, or a stop text appeared.</summary>
    Stop,

    /// <summary>The allowed number of tokens is used up.</summary>
    Length,
}

namespace OnnxMoe.Artifacts.Routing;

/// <summary>What the model was doing when it routed a token. The phases' loads differ, so a plan can be made for one of them.</summary>
public enum RoutingPhase : byte
{
    /// <summary>A token of a prompt, processed together with the rest of it.</summary>
    Prefill = 0,

    /// <summary>A token generated one at a time.</summary>
    Decode = 1,

    /// <summary>A token of a text whose loss was measured (teacher forcing).</summary>
    Evaluation = 2,
}

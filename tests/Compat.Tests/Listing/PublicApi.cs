using System.Reflection;

namespace OnnxMoe.Compat.Tests.Listing;

/// <summary>The public and protected members of an assembly, one a line: T type : base, M method, P property, F field.</summary>
internal static class PublicApi
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    internal static IEnumerable<string> Of(Assembly assembly) =>
        assembly.GetExportedTypes().OrderBy(Name, StringComparer.Ordinal).SelectMany(Of);

    private static IEnumerable<string> Of(Type type)
    {
        var owner = Name(type);
        var inherits = type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) ? " : " + Name(b) : "";
        yield return $"T {owner}{(type is { IsAbstract: true, IsSealed: true } ? " static" : "")}{inherits}";
        foreach (var c in type.GetConstructors(All).Where(IsVisible))
            yield return $"M {owner}..ctor({Parameters(c)})";
        foreach (var m in type.GetMethods(All).Where(m => IsVisible(m) && !(m.IsSpecialName && !m.Name.StartsWith("op_"))))
            yield return $"M {Static(m)}{Name(m.ReturnType)} {owner}.{m.Name}{Generic(m)}({Parameters(m)})";
        foreach (var p in type.GetProperties(All).Where(p => (p.GetMethod ?? p.SetMethod) is { } a && IsVisible(a)))
        {
            var index = p.GetIndexParameters() is { Length: > 0 } i ? "[" + string.Join(", ", i.Select(Parameter)) + "]" : "";
            var set = p.SetMethod is { } s && (s.IsPublic || s.IsFamily) ? " set;" : "";
            yield return $"P {Static((p.GetMethod ?? p.SetMethod)!)}{Name(p.PropertyType)} {owner}.{p.Name}{index} {{{(p.CanRead ? " get;" : "")}{set} }}";
        }
        foreach (var f in type.GetFields(All).Where(f => f.IsPublic))
        {
            var value = type.IsEnum && f.IsLiteral ? " = " + f.GetRawConstantValue() : "";
            yield return $"F {(f.IsStatic ? "static " : "")}{Name(f.FieldType)} {owner}.{f.Name}{value}";
        }
    }

    private static bool IsVisible(MethodBase m) => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly;

    private static string Static(MethodBase m) => m.IsStatic ? "static " : "";

    private static string Generic(MethodInfo m) =>
        m.IsGenericMethod ? "<" + string.Join(",", m.GetGenericArguments().Select(a => a.Name)) + ">" : "";

    private static string Parameters(MethodBase m) => string.Join(", ", m.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo p) =>
        (p.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "") + Name(p.ParameterType) + " " + p.Name
        + (p.HasDefaultValue ? " = " + (p.DefaultValue switch { null => "null", string s => $"\"{s}\"", var v => v.ToString() }) : "");

    private static string Name(Type t)
    {
        if (t.IsByRef)
            return "ref " + Name(t.GetElementType()!);
        if (t.IsArray)
            return Name(t.GetElementType()!) + "[" + new string(',', t.GetArrayRank() - 1) + "]";
        if (t.IsGenericParameter)
            return t.Name;
        if (Nullable.GetUnderlyingType(t) is { } u)
            return Name(u) + "?";
        var name = FullName(t) switch
        {
            "Int64" => "long",
            "Int32" => "int",
            "Single" => "float",
            "Double" => "double",
            "Boolean" => "bool",
            "String" => "string",
            "Void" => "void",
            "Object" => "object",
            var other => other,
        };
        return t.IsGenericType ? name + "<" + string.Join(",", t.GetGenericArguments().Select(Name)) + ">" : name;
    }

    private static string FullName(Type t) =>
        (t.DeclaringType is { } d ? FullName(d) + "." : t.Namespace is null or "System" ? "" : t.Namespace + ".") + t.Name.Split('`')[0];
}

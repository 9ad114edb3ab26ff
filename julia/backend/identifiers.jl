# New identifiers of model instances.

"""
    new_instance(taken=())

Return the identifier of a new model instance: the local time as YYYYMMDD_HHMMSS. If that is in `taken`, a
number is appended.
"""
function new_instance(taken=())
    now = Libc.strftime("%Y%m%d_%H%M%S", time())
    instance, n = now, 1
    while instance in taken
        n += 1
        instance = "$now-$n"
    end
    return instance
end
